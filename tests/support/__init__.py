"""Servers, daemons, oracles and checkers that the integration and crash tests share. See README.md."""
