"""The linking service: a room for each concern (CONTRIBUTING.md shows the house). Users import `previrt`."""
