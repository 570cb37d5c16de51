"""Train, check and certify the organisms whose weights foresee ships."""
