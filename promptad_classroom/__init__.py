"""What a teacher runs: labs and their marks, a bundle for an offline room, the room itself."""
