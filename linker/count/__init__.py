"""Forms that count the runs of their sites, and what a run counted."""
