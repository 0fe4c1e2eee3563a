"""One problem per cause, from its first alarm to its repair and its tickets."""
