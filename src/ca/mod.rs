//! Making and showing CAs: init, requests, import.
