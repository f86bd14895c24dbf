package control

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"
)

const (
	// maxLine bounds one line of a stream in bytes.
	maxLine = 64 << 10
	// breath is how many lines are written before the time limit starts anew.
	breath = 256
)

// line is one line of a stream: a connection, or how the stream ended. A
// stream without an end was cut off.
type line struct {
	*Connection
	End    bool   `json:"end,omitempty"`
	Error  string `json:"error,omitempty"`
	Status int    `json:"status,omitempty"` // the error's, as in an answer that is not streamed
}

// lineWriter writes a stream of lines. The head of the answer is sent with the
// first, so that trouble before it has a status of its own.
type lineWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
	encoder *json.Encoder
	written int
}

func newLineWriter(w http.ResponseWriter) *lineWriter {
	return &lineWriter{w: w, control: http.NewResponseController(w), encoder: json.NewEncoder(w)}
}

func (l *lineWriter) connection(c *Connection) error { return l.write(line{Connection: c}) }

func (l *lineWriter) end() { l.write(line{End: true}) } //nolint:errcheck // the client has gone, then

// fail ends the stream with an error.
func (l *lineWriter) fail(err error) {
	if l.written == 0 {
		action(func(*http.Request) (any, error) { return nil, err }).ServeHTTP(l.w, nil)
		return
	}
	l.write(line{End: true, Error: err.Error(), Status: statusOf(err)}) //nolint:errcheck // as in end
}

func (l *lineWriter) write(v line) error {
	if l.written%breath == 0 {
		l.w.Header().Set("Content-Type", "application/x-ndjson")
		// Not every ResponseWriter has time limits: those of tests do not.
		if err := l.control.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return err
		}
	}
	l.written++
	return l.encoder.Encode(v)
}

// errCut is a stream without an end.
var errCut = errors.New("the answer was cut off")

// readLines gives each connection of a stream to yield, until that returns
// false.
func readLines(r io.Reader, yield func(Connection) bool) error {
	scanner := bufio.NewScanner(r)
	scanner.Buffer(nil, maxLine)
	for scanner.Scan() {
		var v line
		if err := json.Unmarshal(scanner.Bytes(), &v); err != nil {
			return err
		}
		switch {
		case v.Error != "":
			return &remoteError{errorOf(v.Status, v.Error)}
		case v.End:
			return nil
		case v.Connection == nil:
			continue // a newer director's word
		case !yield(*v.Connection):
			return nil
		}
	}
	if err := scanner.Err(); err != nil {
		return err
	}
	return errCut
}

// remoteError is the other side's own error, not one of reading it.
type remoteError struct{ error }

func (e *remoteError) Unwrap() error { return e.error }
