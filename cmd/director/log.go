package main

import (
	"io"
	"log/slog"
)

// newLogger writes to w as --log-format says.
func newLogger(w io.Writer, format string) (*slog.Logger, error) {
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(w, nil)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, nil)), nil
	}
	return nil, usagef("log-format %q is neither text nor json", format)
}
