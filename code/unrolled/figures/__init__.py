"""The book's figures: one style, and what more than one page draws."""
