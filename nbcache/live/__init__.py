"""What front ends see of a running kernel: one comm, versioned messages, every cell's state."""
