"""What the importers share: they turn networks that other systems have trained into models for the server."""
