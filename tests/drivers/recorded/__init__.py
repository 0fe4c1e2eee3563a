"""Elements that play back what a vendor documents, over real sockets: for platforms of which none can be had here."""
