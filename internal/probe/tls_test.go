package probe

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// authority signs certificates for one test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string // its certificate as PEM
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"},
		NotBefore: time.Now().Add(-1000 * time.Hour), NotAfter: time.Now().Add(1000 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return &authority{cert, key, file}
}

// sign makes a certificate for a name or an address that is valid from and
// until then.
func (a *authority) sign(t *testing.T, name string, from, until time.Time) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(2), NotBefore: from, NotAfter: until}
	if ip := net.ParseIP(name); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{name}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: a.key}
}

func serveTLS(t *testing.T, cert tls.Certificate, handler http.HandlerFunc) netip.AddrPort {
	t.Helper()
	s := httptest.NewUnstartedServer(handler)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	s.StartTLS()
	t.Cleanup(s.Close)
	return addrOf(s.Listener.Addr())
}

func TestTLS(t *testing.T) {
	const host = "api1.example.org"
	ca, other := newAuthority(t), newAuthority(t)
	now := time.Now().Truncate(time.Second)
	begin, end := now.Add(-100*time.Hour), now.Add(500*time.Hour)
	tests := []struct {
		name   string
		cert   tls.Certificate
		host   string
		spec   Spec
		detail string
		err    string
	}{
		{"valid", ca.sign(t, host, begin, end), host, Spec{CAFile: ca.file}, "", ""},
		{"the name of an SRV target", ca.sign(t, host, begin, end), host + ".", Spec{CAFile: ca.file}, "", ""},
		{"the configured host wins", ca.sign(t, "www.example.org", begin, end), host, Spec{CAFile: ca.file, Host: "www.example.org"}, "", ""},
		{"the address without a name", ca.sign(t, "127.0.0.1", begin, end), "", Spec{CAFile: ca.file}, "", ""},
		{
			"another name", ca.sign(t, "www.example.org", begin, end), host, Spec{CAFile: ca.file},
			"", "x509: certificate is valid for www.example.org, not api1.example.org",
		},
		{
			"an unknown authority", other.sign(t, host, begin, end), host, Spec{CAFile: ca.file},
			"", "x509: certificate signed by unknown authority",
		},
		{
			"expired", ca.sign(t, host, begin, now.Add(-time.Hour)), host, Spec{CAFile: ca.file},
			"", "certificate expired at " + now.Add(-time.Hour).UTC().Format(time.RFC3339),
		},
		{
			"not yet valid", ca.sign(t, host, now.Add(time.Hour), end), host, Spec{CAFile: ca.file},
			"", "certificate is not valid before " + now.Add(time.Hour).UTC().Format(time.RFC3339),
		},
		{"expires soon", ca.sign(t, host, begin, now.Add(60*time.Hour)), host, Spec{CAFile: ca.file}, "certificate expires in 2 days", ""},
		{"insecure takes any name and authority", other.sign(t, "x", begin, end), host, Spec{Insecure: true}, "", ""},
		{"insecure remarks on an expired one", other.sign(t, "x", begin, now), host, Spec{Insecure: true}, "certificate has expired", ""},
	}
	for _, kind := range []string{"tls", "https"} {
		for _, tt := range tests {
			t.Run(kind+"/"+tt.name, func(t *testing.T) {
				addr := serveTLS(t, tt.cert, func(http.ResponseWriter, *http.Request) {})
				target := Target{Addr: addr, Host: tt.host}
				tt.spec.Kind = kind
				r, err := probe(t, tt.spec, target, ample)
				want := tt.err
				if want != "" {
					want = kind + " ADDR" + map[string]string{"https": "/"}[kind] + ": " + want
				}
				wantErr(t, err, target, want)
				if err == nil && r.Detail != tt.detail {
					t.Errorf("detail %q, want %q", r.Detail, tt.detail)
				}
			})
		}
	}
}

func TestTLSTrouble(t *testing.T) {
	t.Run("a server without TLS", func(t *testing.T) {
		s := httptest.NewServer(http.NotFoundHandler())
		defer s.Close()
		target := Target{Addr: addrOf(s.Listener.Addr())}
		_, err := probe(t, Spec{Kind: "tls"}, target, ample)
		wantErr(t, err, target, "tls ADDR: tls: first record does not look like a TLS handshake")
	})
	t.Run("a server that never answers", func(t *testing.T) {
		target := Target{Addr: addrOf(listen(t, "127.0.0.1:0").Addr())}
		_, err := probe(t, Spec{Kind: "tls"}, target, 50*time.Millisecond)
		wantErr(t, err, target, "tls ADDR: timeout after 50ms")
	})
	t.Run("a server that wants a client certificate", func(t *testing.T) {
		s := httptest.NewUnstartedServer(http.NotFoundHandler())
		s.Config.ErrorLog = log.New(io.Discard, "", 0)
		s.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
		s.StartTLS()
		defer s.Close()
		target := Target{Addr: addrOf(s.Listener.Addr())}
		_, err := probe(t, Spec{Kind: "https", Insecure: true}, target, ample)
		wantErr(t, err, target, "https ADDR/: tls: certificate required")
	})
}

// TestHTTPS looks at status, load and server name over TLS.
func TestHTTPS(t *testing.T) {
	ca := newAuthority(t)
	cert := ca.sign(t, "api1.example.org", time.Now().Add(-time.Hour), time.Now().Add(36*time.Hour))
	addr := serveTLS(t, cert, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Endpoint-Load-Metrics", "TEXT cpu_utilization=0.5")
		if r.TLS.ServerName != "api1.example.org" || r.ProtoMajor != 1 {
			w.WriteHeader(500)
		}
		fmt.Fprint(w, strings.Repeat("x", 100))
	})
	target := Target{Addr: addr, Host: "api1.example.org."}
	r, err := probe(t, Spec{Kind: "https", CAFile: ca.file}, target, ample)
	want := Result{Load: 0.5, HasLoad: true, Detail: "certificate expires in 1 days"}
	if err != nil || r != want {
		t.Errorf("%+v, %v, want %+v", r, err, want)
	}
}
