"""Crash tests: kill loops, failpoints, a full disk, flipped bits. See README.md."""
