package probe

import (
	"errors"
	"net/netip"
	"testing"
	"time"
)

func TestTCP(t *testing.T) {
	for _, loopback := range []string{"127.0.0.1:0", "[::1]:0"} {
		t.Run("open on "+loopback, func(t *testing.T) {
			target := Target{Addr: addrOf(listen(t, loopback).Addr())}
			r, err := probe(t, Spec{Kind: "tcp"}, target, ample)
			if err != nil || r != (Result{}) {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
	t.Run("refused", func(t *testing.T) {
		target := Target{Addr: closedPort(t)}
		_, err := probe(t, Spec{Kind: "tcp"}, target, ample)
		wantErr(t, err, target, "tcp ADDR: connection refused")
		if errors.Is(err, ErrUnable) {
			t.Error("a refusal tells about the server")
		}
	})
	t.Run("its own port instead of the server's", func(t *testing.T) {
		open := addrOf(listen(t, "127.0.0.1:0").Addr())
		target := Target{Addr: closedPort(t)}
		if _, err := probe(t, Spec{Kind: "tcp", Port: open.Port()}, target, ample); err != nil {
			t.Error(err)
		}
	})
	t.Run("no port", func(t *testing.T) {
		_, err := probe(t, Spec{Kind: "tcp"}, Target{Addr: netip.MustParseAddrPort("127.0.0.1:0")}, ample)
		if !errors.Is(err, ErrUnable) {
			t.Errorf("%v, want ErrUnable", err)
		}
	})
	t.Run("no time left", func(t *testing.T) {
		target := Target{Addr: addrOf(listen(t, "127.0.0.1:0").Addr())}
		_, err := probe(t, Spec{Kind: "tcp"}, target, time.Nanosecond)
		wantErr(t, err, target, "tcp ADDR: timeout after 1ns")
	})
}

func TestNone(t *testing.T) {
	r, err := probe(t, Spec{Kind: "none"}, Target{Addr: closedPort(t)}, ample)
	if err != nil || !r.Static {
		t.Errorf("%+v, %v, want a static pass", r, err)
	}
}

func TestNewRefuses(t *testing.T) {
	tests := []struct {
		name string
		spec Spec
		want string
	}{
		{"an unknown kind", Spec{Kind: "smtp"}, `check "smtp" is not one of dns, exec, http, https, icmp, none, tcp, tls`},
		{"a relative path", Spec{Kind: "http", Path: "healthz"}, `check http: path "healthz" must be an absolute path such as /healthz`},
		{"a whole address as path", Spec{Kind: "http", Path: "http://example.org/"}, `check http: path "http://example.org/" must be an absolute path such as /healthz`},
		{"a path with a line end", Spec{Kind: "http", Path: "/a\r\nX: y"}, "check http: path \"/a\\r\\nX: y\" must be an absolute path such as /healthz"},
		{"a missing CA file", Spec{Kind: "tls", CAFile: "/nonexistent/ca.pem"}, "check tls: reading CA file: open /nonexistent/ca.pem: no such file or directory"},
		{"a CA file without certificates", Spec{Kind: "https", CAFile: "tcp_test.go"}, "check https: CA file tcp_test.go holds no PEM certificate"},
		{"a bad name to ask for", Spec{Kind: "dns", Query: "a..b"}, `check dns: "a..b" is not a domain name`},
		{"exec without a directory", Spec{Kind: "exec", Exec: "x"}, "check exec: no directory of programs is configured"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := New(tt.spec)
			if err == nil || err.Error() != tt.want {
				t.Errorf("%v, want %s", err, tt.want)
			}
		})
	}
}
