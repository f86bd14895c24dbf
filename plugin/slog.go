package ballast

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
)

// logHandler brings the log lines of packages that know no CoreDNS to its log.
type logHandler struct{ attrs string }

func newLogger() *slog.Logger { return slog.New(logHandler{}) }

// Enabled implements slog.Handler.
func (logHandler) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }

// Handle implements slog.Handler.
func (h logHandler) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	b.WriteString(r.Message + h.attrs)
	r.Attrs(func(a slog.Attr) bool {
		fmt.Fprintf(&b, " %s=%q", a.Key, a.Value)
		return true
	})
	switch {
	case r.Level >= slog.LevelError:
		log.Error(b.String())
	case r.Level >= slog.LevelWarn:
		log.Warning(b.String())
	default:
		log.Info(b.String())
	}
	return nil
}

// WithAttrs implements slog.Handler.
func (h logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	for _, a := range attrs {
		h.attrs += fmt.Sprintf(" %s=%q", a.Key, a.Value)
	}
	return h
}

// WithGroup implements slog.Handler. Groups would say nothing here.
func (h logHandler) WithGroup(string) slog.Handler { return h }
