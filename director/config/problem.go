package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one mistake.
type Problem struct {
	File   string `json:"file"`
	Line   int    `json:"line"`             // from 1
	Column int    `json:"column"`           // in bytes, from 1
	What   string `json:"what"`             // what is wrong
	Value  string `json:"value,omitempty"`  // as written, if one is to blame
	Remedy string `json:"remedy,omitempty"` // what to do about it
}

// Error is "FILE:LINE: error: what (value): remedy".
func (p Problem) Error() string {
	s := fmt.Sprintf("%s:%d: error: %s", p.File, p.Line, p.What)
	if p.Value != "" {
		s += " (" + p.Value + ")"
	}
	if p.Remedy != "" {
		s += ": " + p.Remedy
	}
	return s
}

// Problems are all mistakes of a file, in its order.
type Problems []Problem

// Error has a line for each problem.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

func (ps Problems) sort() {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

// maxValue bounds what is shown of a value, in bytes.
const maxValue = 60

// excerpt makes source text fit for a message: its first line, not too long,
// printable.
func excerpt(src []byte) string {
	text, _, more := strings.Cut(strings.TrimSpace(string(src)), "\n")
	if len(text) > maxValue {
		text, more = strings.ToValidUTF8(text[:maxValue], ""), true
	}
	text = strings.Map(printable, strings.TrimSpace(text))
	if more {
		text += "..."
	}
	return text
}
