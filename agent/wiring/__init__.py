"""What joins the packages of the daemon that do not know each other: one module for each part, all built over one `Base`."""
