"""What is watched, how it hangs together, and what that says of causes. Pure, but for reading the inventory."""
