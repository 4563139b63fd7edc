"""The tests of leat. See README.md."""
