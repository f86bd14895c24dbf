package control

import (
	"context"
	"errors"
	"fmt"
)

// Service is what a control socket offers. The program behind the socket
// implements it, and Client does by asking that program. Errors are one of
// the sentinels below, wrapped, where a caller can do something about it.
type Service interface {
	// Status tells everything that is served now.
	Status(ctx context.Context) (Status, error)

	// Explain says why a name is answered as it is. ErrNotFound if the name is
	// not an LB name, ErrInvalid for a type that is never steered.
	Explain(ctx context.Context, r ExplainRequest) (Explanation, error)

	// SetOverride sets or replaces the override of o.Server and o.Name and
	// returns it with Set and Matches filled in. It may match nothing yet.
	SetOverride(ctx context.Context, o Override) (Override, error)

	// ClearOverride ends the overrides that were set with exactly this server
	// and name, where the empty name means those of every name, and returns
	// how many. ErrNotFound if there was none.
	ClearOverride(ctx context.Context, server, name string) (int, error)
}

// The errors that keep their meaning across the socket.
var (
	ErrNotFound    = errors.New("not found")
	ErrInvalid     = errors.New("invalid request")
	ErrConflict    = errors.New("conflict")
	ErrUnavailable = errors.New("not available now")
	// ErrUnreachable is the client's own: nobody serves the socket.
	ErrUnreachable = errors.New("cannot reach the control socket")
)

// kindError is a message that errors.Is finds to be of its kind.
type kindError struct {
	kind error
	text string
}

func (e *kindError) Error() string { return e.text }
func (e *kindError) Unwrap() error { return e.kind }

// Errorf makes an error of one of the kinds above whose message is the text
// alone.
func Errorf(kind error, format string, args ...any) error {
	return &kindError{kind, fmt.Sprintf(format, args...)}
}
