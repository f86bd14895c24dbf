package consul

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"time"
)

// Config says how to reach Consul.
type Config struct {
	// Address of an agent's or server's HTTP API: host:port,
	// http(s)://host:port[/prefix] or unix:///path. Empty means
	// 127.0.0.1:8500. A bare host:port is https when TLS is given.
	Address string

	// TokenFile holds the ACL token. It is read again when it changes. When
	// it is empty, Consul's own CONSUL_HTTP_TOKEN and CONSUL_HTTP_TOKEN_FILE
	// count, as for every Consul client, but are read once.
	TokenFile string

	// Datacenter is asked unless a Query names another; empty means the
	// agent's own. It does not affect registrations: those are always local.
	Datacenter string

	TLS TLS

	// Wait is how long one blocking query may last; 0 means 10 s. With so
	// many watches that idle queries would use more than half of MaxRate it
	// is stretched, to 25 s at most.
	Wait time.Duration

	// MaxRate bounds the queries of all watches together, in requests per
	// second after a burst of 1,000; 0 means 400. It is raised to 4 for every
	// 25 s and watch where that is more, lest loads fade unconfirmed.
	MaxRate float64

	// Log receives changes of state only; nil discards them.
	Log *slog.Logger
}

// TLS names the files for HTTPS. Certificate and key are read again with each
// new connection, so that they can be renewed in place.
type TLS struct {
	CAFile     string // empty: the system's
	CertFile   string // empty: no client certificate
	KeyFile    string
	ServerName string // empty: the host in Address
	Insecure   bool   // do not verify Consul's certificate
}

const (
	defaultAddress = "127.0.0.1:8500"
	defaultWait    = 10 * time.Second
	defaultRate    = 400
	rateBurst      = 1000
)

// endpoint is a parsed Config.Address.
type endpoint struct {
	scheme string // http or https
	host   string // host:port, for the URL
	prefix string // path before /v1
	socket string // path of a unix socket, instead of host
}

func parseAddress(address string, withTLS bool) (endpoint, error) {
	if address == "" {
		address = defaultAddress
	}
	if path, ok := strings.CutPrefix(address, "unix://"); ok {
		if path == "" {
			return endpoint{}, fmt.Errorf("address %q names no socket: write unix:///path/to/socket", address)
		}
		return endpoint{scheme: "http", host: "localhost", socket: path}, nil
	}
	text := address
	if !strings.Contains(text, "://") {
		text = map[bool]string{false: "http://", true: "https://"}[withTLS] + text
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "":
		return endpoint{}, fmt.Errorf("address %q is none of host:port, http(s)://host:port and unix:///path", address)
	case u.Scheme != "http" && u.Scheme != "https":
		return endpoint{}, fmt.Errorf("address %q: scheme %q is none of http, https and unix", address, u.Scheme)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return endpoint{}, fmt.Errorf("address %q: only host, port and path are allowed", u.Redacted())
	case u.Scheme == "http" && withTLS:
		return endpoint{}, fmt.Errorf("address %q is not https, but tls is configured: write https://%s", address, u.Host)
	}
	if u.Port() == "" {
		return endpoint{}, fmt.Errorf("address %q has no port: Consul's is 8500 for http, mostly 8501 for https", address)
	}
	return endpoint{scheme: u.Scheme, host: u.Host, prefix: strings.TrimSuffix(u.Path, "/")}, nil
}

// config makes the client's TLS configuration, and fails on files that cannot
// be used.
func (t TLS) config() (*tls.Config, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName, InsecureSkipVerify: t.Insecure}
	if t.CAFile != "" {
		pem, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, fmt.Errorf("tls ca: %w", err)
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("tls ca: %s holds no PEM certificate", t.CAFile)
		}
	}
	if (t.CertFile == "") != (t.KeyFile == "") {
		return nil, fmt.Errorf("tls: certificate and key go together: one of cert %q and key %q is missing", t.CertFile, t.KeyFile)
	}
	if t.CertFile != "" {
		if _, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile); err != nil {
			return nil, fmt.Errorf("tls cert %s and key %s: %w", t.CertFile, t.KeyFile, err)
		}
		conf.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			cert, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
			return &cert, err
		}
	}
	return conf, nil
}
