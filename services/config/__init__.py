"""The operator's folder: read whole, checked whole, compared with what is stored."""
