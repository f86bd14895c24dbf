package consul

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ballast-lb/ballast/internal/consul/consultest"
)

// TestTransports asks a Consul with its default limit of connections over
// TLS and over a unix socket.
func TestTransports(t *testing.T) {
	t.Parallel()
	certs, socket := consultest.NewCertificates(t), filepath.Join(t.TempDir(), "http.sock")
	consul := consultest.Start(t, consultest.Options{TLS: certs, Config: map[string]any{
		"limits":    map[string]any{"http_max_conns_per_client": 200},
		"addresses": map[string]string{"http": "127.0.0.1 unix://" + socket},
	}})
	register(t, consul, service{ID: "w1", Name: "web", Address: "192.0.2.1", Port: 80})

	t.Run("unix socket", func(t *testing.T) {
		follow(t, newClient(t, Config{Address: "unix://" + socket}), Query{Service: "web"}, nil).size(t, 1)
	})
	full := TLS{CAFile: certs.CA, CertFile: certs.Cert, KeyFile: certs.Key}
	t.Run("more watches than connections over TLS", func(t *testing.T) {
		client := newClient(t, Config{Address: consul.HTTPS, TLS: full})
		var watches []*follower
		for i := range 500 {
			watches = append(watches, follow(t, client, Query{Service: "web", Tags: tags(i)}, nil))
		}
		for i, w := range watches {
			w.size(t, map[bool]int{true: 1, false: 0}[i == 0])
		}
		for _, w := range watches {
			if err := w.Status().Err; err != "" {
				t.Fatal(err)
			}
		}
	})
	for name, c := range map[string]struct {
		tls TLS
		err string
	}{
		"unknown authority":     {TLS{CertFile: certs.Cert, KeyFile: certs.Key}, "certificate signed by unknown authority"},
		"no client certificate": {TLS{CAFile: certs.CA}, "does it want a client certificate"},
		"another name":          {TLS{CAFile: certs.CA, ServerName: "consul.example.org"}, "not valid for any names"},
	} {
		t.Run(name, func(t *testing.T) {
			web := follow(t, newClient(t, Config{Address: "https://" + consul.HTTPS, TLS: c.tls}), Query{Service: "web"}, nil)
			defer func() {
				if t.Failed() {
					t.Logf("status: %+v", web.Status())
				}
			}()
			eventually(t, "trouble", func() bool { return strings.Contains(web.Status().Err, c.err) })
		})
	}
	t.Run("unverified", func(t *testing.T) {
		full := full
		full.CAFile, full.Insecure = "", true
		follow(t, newClient(t, Config{Address: consul.HTTPS, TLS: full}), Query{Service: "web"}, nil).size(t, 1)
	})
}

func tags(i int) []string {
	if i == 0 {
		return nil
	}
	return []string{fmt.Sprint("none-", i)}
}
