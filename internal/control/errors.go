package control

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
)

// kinds are the errors that cross the socket, with their HTTP status.
var kinds = [...]struct {
	err    error
	status int
}{
	{ErrNotFound, http.StatusNotFound},
	{ErrInvalid, http.StatusBadRequest},
	{ErrConflict, http.StatusConflict},
	{ErrUnavailable, http.StatusServiceUnavailable},
	{context.Canceled, http.StatusServiceUnavailable},
	{context.DeadlineExceeded, http.StatusServiceUnavailable},
}

// failure is an error on the wire.
type failure struct {
	Error string `json:"error"`
}

// ServeHTTP does the action and writes what came of it.
func (do action) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	value, err := do(r)
	status := http.StatusOK
	if err != nil {
		value, status = failure{err.Error()}, statusOf(err)
	}
	body, err := json.Marshal(value)
	if err != nil { // a NaN, say
		body, _ = json.Marshal(failure{"encode answer: " + err.Error()})
		status = http.StatusInternalServerError
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(append(body, '\n'))
}

func statusOf(err error) int {
	for _, kind := range kinds {
		if errors.Is(err, kind.err) {
			return kind.status
		}
	}
	return http.StatusInternalServerError
}

// errorOf is statusOf's inverse: an error of the kind, with the message as the
// server wrote it.
func errorOf(status int, text string) error {
	for _, kind := range kinds {
		if kind.status == status {
			return Errorf(kind.err, "%s", text)
		}
	}
	return errors.New(text)
}
