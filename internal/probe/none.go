package probe

import "context"

// newNone is for servers that are trusted to be there: they always pass.
func newNone(Spec) (ask, error) {
	check := func(context.Context, Target) (Result, error) { return Result{Static: true}, nil }
	return ask{check, addrPort}, nil
}
