package ballast

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	"github.com/ballast-lb/ballast/internal/freeport"
)

// certificate writes a certificate for ns1.example.org with its key, and returns
// what trusts it.
func certificate(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ns1.example.org"}, DNSNames: []string{"ns1.example.org"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	os.WriteFile(filepath.Join(dir, "cert.pem"), cert, 0o644)
	os.WriteFile(filepath.Join(dir, "key.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(cert)
	return pool
}

// encrypted is a server of the zone over UDP and TCP, and over all encrypted
// transports that CoreDNS has.
type encrypted struct {
	*server
	roots *x509.CertPool
	addrs map[string]string // by transport
}

func serveEncrypted(t *testing.T, records string) *encrypted {
	t.Helper()
	dir := t.TempDir()
	writeZone(t, dir, "zone", records)
	e := &encrypted{roots: certificate(t, dir), addrs: map[string]string{}}
	port := freeport.For(t)
	text := fmt.Sprintf("example.org:%d {\nbind 127.0.0.1\nballast DIR/zone {\ncontrol off\nreload 0\n}\n}\n", port)
	for _, transport := range []string{"tls", "https", "quic", "https3"} {
		port := freeport.For(t)
		e.addrs[transport] = fmt.Sprintf("127.0.0.1:%d", port)
		text += fmt.Sprintf("%s://example.org:%d {\nbind 127.0.0.1\ntls DIR/cert.pem DIR/key.pem\ncookie\nballast DIR/zone {\nreload 0\n}\n}\n", transport, port)
	}
	e.server = serveCorefile(t, "Corefile", strings.ReplaceAll(text, "DIR", dir), port)
	return e
}

// tls is a client's configuration that offers these protocols.
func (e *encrypted) tls(protocols ...string) *tls.Config {
	return &tls.Config{RootCAs: e.roots, ServerName: "ns1.example.org", NextProtos: protocols}
}

// The ways to ask, by name.
var asking = map[string]func(*testing.T, *encrypted, *dns.Msg) *dns.Msg{
	"DoT":              askTLS,
	"DoH by GET":       func(t *testing.T, e *encrypted, m *dns.Msg) *dns.Msg { return e.http(t, http.MethodGet, m, nil) },
	"DoH by POST":      func(t *testing.T, e *encrypted, m *dns.Msg) *dns.Msg { return e.http(t, http.MethodPost, m, nil) },
	"DoH over HTTP/3":  askHTTP3,
	"DoQ":              askQUIC,
	"plain, beside it": func(t *testing.T, e *encrypted, m *dns.Msg) *dns.Msg { return exchanged(t, e.server, m) },
}

func exchanged(t *testing.T, s *server, m *dns.Msg) *dns.Msg {
	t.Helper()
	reply, _, err := (&dns.Client{Net: "tcp", Timeout: 3 * time.Second}).Exchange(m, s.addr)
	if err != nil {
		t.Fatal(err)
	}
	return reply
}

func askTLS(t *testing.T, e *encrypted, m *dns.Msg) *dns.Msg {
	t.Helper()
	client := &dns.Client{Net: "tcp-tls", Timeout: 3 * time.Second, TLSConfig: e.tls("dot")}
	reply, _, err := client.Exchange(m, e.addrs["tls"])
	if err != nil {
		t.Fatal(err)
	}
	return reply
}

// http asks over HTTP/2.
func (e *encrypted) http(t *testing.T, method string, m *dns.Msg, head http.Header) *dns.Msg {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: e.tls(), ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	return e.over(t, transport, "https://"+e.addrs["https"], method, m, head)
}

func askHTTP3(t *testing.T, e *encrypted, m *dns.Msg) *dns.Msg {
	t.Helper()
	transport := &http3.Transport{TLSClientConfig: e.tls()}
	defer transport.Close()
	return e.over(t, transport, "https://"+e.addrs["https3"], http.MethodPost, m, nil)
}

// over asks by HTTP and checks what RFC 8484 says of the reply.
func (e *encrypted) over(t *testing.T, transport http.RoundTripper, url, method string, m *dns.Msg, head http.Header) *dns.Msg {
	t.Helper()
	packet, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	url += "/dns-query"
	body := io.Reader(bytes.NewReader(packet))
	if method == http.MethodGet {
		url, body = url+"?dns="+base64.RawURLEncoding.EncodeToString(packet), nil
	}
	r, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range head {
		r.Header[name] = values
	}
	r.Header.Set("Content-Type", "application/dns-message")
	response, err := (&http.Client{Transport: transport, Timeout: 5 * time.Second}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	got, err := io.ReadAll(response.Body)
	reply := new(dns.Msg)
	if err != nil || response.StatusCode != http.StatusOK || reply.Unpack(got) != nil {
		t.Fatalf("%s %s: %s, %v", method, url, response.Status, err)
	}
	if response.ProtoMajor < 2 || response.Header.Get("Content-Type") != "application/dns-message" {
		t.Errorf("%s with the header %v", response.Proto, response.Header)
	}
	least := uint32(1 << 31)
	for _, rr := range append(slices.Clone(reply.Answer), reply.Ns...) {
		least = min(least, rr.Header().Ttl)
	}
	if want := fmt.Sprintf("max-age=%d", least); response.Header.Get("Cache-Control") != want {
		t.Errorf("Cache-Control is %s, not %s (RFC 8484 section 5.1)", response.Header.Get("Cache-Control"), want)
	}
	return reply
}

func askQUIC(t *testing.T, e *encrypted, m *dns.Msg) *dns.Msg {
	t.Helper()
	m = m.Copy()
	m.Id = 0 // RFC 9250 section 4.2.1
	packet, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	conn, err := quic.DialAddr(ctx, e.addrs["quic"], e.tls("doq"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseWithError(0, "")
	stream, err := conn.OpenStreamSync(ctx)
	if err != nil {
		t.Fatal(err)
	}
	stream.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(packet))), packet...))
	stream.Close()
	got, err := readTCP(stream)
	reply := new(dns.Msg)
	if err != nil || reply.Unpack(got) != nil {
		t.Fatal(err)
	}
	return reply
}

func TestEncryptedTransports(t *testing.T) {
	e := serveEncrypted(t, bulky()+"static IN TXT x\nhash 60 IN LB srv _http._tcp check=none policy=hash\n")
	for name, ask := range asking {
		t.Run(name, func(t *testing.T) {
			for _, tc := range []struct {
				ask     string
				qtype   uint16
				rcode   int
				answers int
			}{
				{"www", dns.TypeA, 0, 2},
				{"www", dns.TypeSRV, 0, 3},
				{"www", dns.TypeTXT, 0, 0},
				{"hash", dns.TypeA, 0, 2},
				{"static", dns.TypeTXT, 0, 1},
				{"nope", dns.TypeA, dns.RcodeNameError, 0},
			} {
				m := ask(t, e, new(dns.Msg).SetQuestion(tc.ask+".example.org.", tc.qtype))
				if m.Rcode != tc.rcode || len(m.Answer) != tc.answers || !m.Authoritative {
					t.Errorf("%s %s is answered\n%v", tc.ask, dns.TypeToString[tc.qtype], m)
				}
			}
		})
		t.Run(name+", large answers", func(t *testing.T) {
			m := new(dns.Msg).SetQuestion("huge.example.org.", dns.TypeTXT)
			reply := ask(t, e, m)
			// CoreDNS takes QUIC for UDP, and no EDNS for 512 octets (request.Proto).
			if known := name == "DoQ" || name == "DoH over HTTP/3"; reply.Truncated != known || (len(reply.Answer) == 20) == known {
				t.Errorf("Without EDNS: TC is %v, %d records", reply.Truncated, len(reply.Answer))
			}
			if reply := ask(t, e, m.SetEdns0(65535, false)); reply.Truncated || len(reply.Answer) != 20 {
				t.Errorf("With EDNS: TC is %v, %d records", reply.Truncated, len(reply.Answer))
			}
		})
		t.Run(name+", client subnet", func(t *testing.T) {
			m := new(dns.Msg).SetQuestion("hash.example.org.", dns.TypeA)
			subnet("203.0.113.0", 24, 0)(m)
			if o := clientSubnet(ask(t, e, m)); o == nil || o.SourceScope != 24 {
				t.Errorf("The subnet is %v", o)
			}
		})
	}
	t.Run("what the client offers by ALPN", func(t *testing.T) {
		for transport, protocol := range map[string]string{"tls": "dot", "https": "h2"} {
			conn, err := tls.Dial("tcp", e.addrs[transport], e.tls(protocol))
			if err != nil {
				t.Fatal(err)
			}
			got := conn.ConnectionState().NegotiatedProtocol
			conn.Close()
			// CoreDNS's DoT server names no protocol, and so agrees to none.
			if want := map[string]string{"https": "h2"}[transport]; got != want {
				t.Errorf("%s offered, and %q agreed to", protocol, got)
			}
		}
		if _, err := quic.DialAddr(t.Context(), e.addrs["quic"], e.tls("h3"), nil); err == nil {
			t.Error("A client that offers h3 alone is let in to DoQ")
		}
	})
	t.Run("requests that are none", func(t *testing.T) {
		transport := &http.Transport{TLSClientConfig: e.tls(), ForceAttemptHTTP2: true}
		defer transport.CloseIdleConnections()
		for url, want := range map[string]int{
			"/dns-query": 400, "/dns-query?dns=": 400, "/dns-query?dns=%%%": 400, "/dns-query?dns=AAAA": 400, "/": 404, "/metrics": 404,
			"/dns-query?dns=" + strings.Repeat("A", 1<<17): 400,
		} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+e.addrs["https"], nil)
			if err != nil {
				t.Fatal(err)
			}
			r.URL.Path, r.URL.RawQuery, _ = strings.Cut(url, "?")
			response, err := transport.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			if response.StatusCode != want {
				t.Errorf("%.30s: %s", url, response.Status)
			}
		}
	})
}

// Behind a proxy the resolver key is the proxy's address: who is behind it can say
// anything in a header, and ECS is there to be told.
func TestResolverKeyBehindAProxy(t *testing.T) {
	e := serveEncrypted(t, webPool+"hash 60 IN LB srv _http._tcp check=none policy=hash answers=1\n")
	given := map[string]int{}
	for i := range 30 {
		head := http.Header{"X-Forwarded-For": {fmt.Sprintf("198.51.100.%d", i)}, "Forwarded": {fmt.Sprintf("for=198.51.100.%d", i)}}
		m := e.http(t, http.MethodPost, new(dns.Msg).SetQuestion("hash.example.org.", dns.TypeA), head)
		given[m.Answer[0].(*dns.A).A.String()]++
	}
	own := exchanged(t, e.server, new(dns.Msg).SetQuestion("hash.example.org.", dns.TypeA)).Answer[0].(*dns.A).A.String()
	if len(given) != 1 || given[own] != 30 {
		t.Errorf("By header the answers were %v; the proxy itself gets %s", given, own)
	}
}
