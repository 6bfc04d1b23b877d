"""What a person sees, driven in a real chromium."""
