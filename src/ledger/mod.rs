//! Port: what has been, or may have been, signed. Nothing is signed that is not recorded here first.
