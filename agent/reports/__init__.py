"""Reports as people take them away: one document, in HTML, PDF, CSV and text."""
