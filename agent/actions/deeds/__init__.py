"""What can be done: one module per deed, all behind one port."""
