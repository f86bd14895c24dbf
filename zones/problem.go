package zones

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// Severity says what a problem prevents.
type Severity uint8

// The severities: with an Error the zone is not used, with a Warning it is.
const (
	Error Severity = iota
	Warning
)

func (s Severity) String() string {
	if s == Warning {
		return "warning"
	}
	return "error"
}

// MarshalText writes the severity's name.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Problem is one mistake in a zone file.
type Problem struct {
	File     string
	Line     int // from 1; 0 if the file as a whole is meant
	Column   int // in bytes, from 1; 0 if the record as a whole is meant
	Severity Severity
	Record   string // owner name, as far as known
	Message  string
	Remedy   string
}

// Error is "file:line: message; remedy".
func (p Problem) Error() string {
	s := p.File
	if p.Line > 0 {
		s = fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	s += ": " + p.Message
	if p.Remedy != "" {
		s += "; " + p.Remedy
	}
	return s
}

// Failed tells whether one of the problems is an Error.
func Failed(problems []Problem) bool {
	return slices.ContainsFunc(problems, func(p Problem) bool { return p.Severity == Error })
}

// Join makes one error, a line for each, of the problems that are an Error. It
// is nil without one.
func Join(problems []Problem) error {
	var errs []error
	for _, p := range problems {
		if p.Severity == Error {
			errs = append(errs, p)
		}
	}
	return errors.Join(errs...)
}

// mistake is a problem before its place is known.
type mistake struct {
	word   int // index of the word meant, in what was parsed; -1 for the whole
	text   string
	remedy string
}

func (m mistake) Error() string {
	if m.remedy == "" {
		return m.text
	}
	return m.text + "; " + m.remedy
}

// wrong makes a mistake. The first argument is the remedy.
func wrong(remedy, format string, args ...any) *mistake {
	return &mistake{word: -1, text: fmt.Sprintf(format, args...), remedy: remedy}
}

// place is where something stands.
type place struct {
	file      string
	line, col int
}

// sorted puts problems into the order of the files and of their lines.
func sorted(problems []Problem, files []string) []Problem {
	order := map[string]int{}
	for i, f := range files {
		order[f] = i
	}
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(order[a.File], order[b.File]), cmp.Compare(a.Line, b.Line))
	})
	return problems
}
