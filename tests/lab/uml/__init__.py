"""A whole Linux kernel in a process (User Mode Linux), for what a container's kernel has no modules for: VRF, MPLS, VLANs."""
