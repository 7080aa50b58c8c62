"""What the tests hold notebooks to: no network, checked types, a budget of time and memory."""
