"""TM Forum Open APIs v4, one module each. Their spellings exist only here."""
