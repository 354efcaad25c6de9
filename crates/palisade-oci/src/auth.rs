//! Authentication: challenges, token exchange and the token cache.
