package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"time"
)

// expirySoon is how long before its end a certificate is worth a remark.
const expirySoon = 14 * 24 * time.Hour

// newTLS passes when a TLS handshake succeeds and the certificate is valid for
// the server's name.
func newTLS(spec Spec) (ask, error) {
	config, err := spec.tls()
	if err != nil {
		return ask{}, err
	}
	check := func(ctx context.Context, t Target) (Result, error) {
		conn, done, err := dial(ctx, "tcp", t.Addr)
		if err != nil {
			return Result{}, err
		}
		defer done()
		secure, err := handshake(ctx, conn, config, t.name())
		if err != nil {
			return Result{}, err
		}
		return Result{Detail: expiry(secure, time.Now())}, nil
	}
	return ask{check, addrPort}, nil
}

// tls is the part of the configuration that all targets share.
func (s Spec) tls() (*tls.Config, error) {
	// No session is kept: each check has to see the certificate.
	config := &tls.Config{NextProtos: []string{"http/1.1"}, InsecureSkipVerify: s.Insecure}
	if s.Kind == "tls" {
		config.NextProtos = nil
	}
	if s.CAFile == "" {
		return config, nil
	}
	pem, err := os.ReadFile(s.CAFile)
	if err != nil {
		return nil, fmt.Errorf("reading CA file: %w", err)
	}
	config.RootCAs = x509.NewCertPool()
	if !config.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("CA file %s holds no PEM certificate", s.CAFile)
	}
	return config, nil
}

func handshake(ctx context.Context, conn net.Conn, config *tls.Config, name string) (*tls.Conn, error) {
	config = config.Clone()
	config.ServerName = name
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	return secure, nil
}

// expiry is a remark on a certificate that ends soon, in whole days so that it
// does not change with each check; empty if there is nothing to say.
func expiry(conn *tls.Conn, now time.Time) string {
	certs := conn.ConnectionState().PeerCertificates
	if len(certs) == 0 {
		return ""
	}
	left := certs[0].NotAfter.Sub(now)
	switch {
	case left > expirySoon:
		return ""
	case left < 0:
		return "certificate has expired"
	}
	return fmt.Sprintf("certificate expires in %d days", int(left.Hours()/24))
}
