package dataplane

import "errors"

// Errors that callers may test for.
var (
	// ErrInUse: another process has the director's directory.
	ErrInUse = errors.New("another director is running on it; stop that one first")
	// ErrBusy: a real server still has connections or is in a table.
	ErrBusy = errors.New("not to be removed yet")
)
