//! How the model answers events and actions.
