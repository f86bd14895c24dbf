package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

// unable are the errors that tell about this machine and not about the server.
var unable = []error{
	syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM,
	syscall.EAGAIN, syscall.EADDRNOTAVAIL, syscall.EACCES, syscall.EPERM,
}

// reason makes err short enough to stand in a table: no "dial tcp" before the
// address that was just named, and no clock reading that would make each
// failure differ from the one before.
func reason(ctx context.Context, began time.Time, err error) error {
	switch {
	case errors.Is(err, ErrUnable), errors.Is(ctx.Err(), context.Canceled):
		return err
	case ctx.Err() != nil, errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return timeoutError(ctx, began)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("connection closed early")
	}
	for _, local := range unable {
		if errors.Is(err, local) {
			return fmt.Errorf("%w: %w", ErrUnable, local)
		}
	}
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno
	}
	if bad, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return certificateError(began, bad)
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		err = op.Err
	}
	return errors.New(bounded(err.Error())) // it may quote what the server sent
}

// timeoutKey finds the length of a WithTimeout in its context.
type timeoutKey struct{}

// WithTimeout is context.WithTimeout for a check. It lets a timeout be
// reported as long as it was meant to be: measured, it would read differently
// each time.
func WithTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithValue(ctx, timeoutKey{}, d), d)
}

func timeoutError(ctx context.Context, began time.Time) error {
	if d, ok := ctx.Value(timeoutKey{}).(time.Duration); ok {
		return fmt.Errorf("timeout after %v", d)
	}
	if deadline, ok := ctx.Deadline(); ok {
		return fmt.Errorf("timeout after %v", deadline.Sub(began).Round(time.Millisecond))
	}
	return errors.New("timeout")
}

func certificateError(now time.Time, bad *tls.CertificateVerificationError) error {
	if _, ok := errors.AsType[x509.UnknownAuthorityError](bad.Err); ok {
		return errors.New("x509: certificate signed by unknown authority")
	}
	invalid, ok := errors.AsType[x509.CertificateInvalidError](bad.Err)
	if !ok || invalid.Reason != x509.Expired {
		return errors.New(bounded(bad.Err.Error()))
	}
	if now.Before(invalid.Cert.NotBefore) {
		return fmt.Errorf("certificate is not valid before %s", invalid.Cert.NotBefore.UTC().Format(time.RFC3339))
	}
	return fmt.Errorf("certificate expired at %s", invalid.Cert.NotAfter.UTC().Format(time.RFC3339))
}
