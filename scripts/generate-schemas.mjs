// Nothing to generate yet.
