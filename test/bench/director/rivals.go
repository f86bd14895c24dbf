//go:build linux

package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
)

// openNftables spreads connections with a rule and connection tracking, and
// nothing that looks at the servers.
func (b *bench) openNftables(_ context.Context, w *way, ports []int) error {
	if err := w.lab.AddVIP(w.target); err != nil {
		return err
	}
	w.forget = func() error {
		return w.lab.Director.Do(func() error { return netlink.ConntrackTableFlush(netlink.ConntrackTable) })
	}
	all := addresses(w.lab)
	w.drain = func(_ context.Context, server int) error {
		return w.nft(ports, slices.Delete(slices.Clone(all), server, server+1))
	}
	return w.nft(ports, all)
}

func (w *way) nft(ports []int, servers []netip.Addr) error {
	var elements []string
	for i, s := range servers {
		elements = append(elements, fmt.Sprintf("%d : %s", i, s))
	}
	return w.lab.Director.Nft(fmt.Sprintf(`
table ip bench
delete table ip bench
table ip bench {
	chain pre {
		type nat hook prerouting priority dstnat;
		ip daddr %s tcp dport { %s } dnat to numgen inc mod %d map { %s }
	}
}
`, w.target, joined(ports, "%d", ", "), len(servers), strings.Join(elements, ", ")))
}

// haproxyConf is HAProxy as careful with a failing server as it can be told to
// be.
const haproxyConf = `global
	stats socket %s level admin
defaults
	mode tcp
	timeout connect 1s
	timeout client 30s
	timeout server 30s
	retries 3
	option redispatch
frontend web
%s
	default_backend servers
backend servers
	balance roundrobin
	default-server check inter 1s port %d
`

// openHAProxy terminates connections and opens others to the servers.
func (b *bench) openHAProxy(ctx context.Context, w *way, ports []int) error {
	path, err := installed("haproxy")
	if err != nil {
		return err
	}
	if err := w.lab.AddVIP(w.target); err != nil {
		return err
	}
	for name, value := range map[string]string{"net.ipv4.ip_local_port_range": "1024 65535", "net.ipv4.tcp_tw_reuse": "1"} {
		if err := w.lab.Director.Sysctl(name, value); err != nil {
			return err
		}
	}
	socket := filepath.Join(w.lab.Dir(), "haproxy.sock")
	conf := fmt.Sprintf(haproxyConf, socket, joined(ports, "\tbind "+w.target.String()+":%d", "\n"), ports[0])
	for _, s := range w.lab.Servers {
		conf += fmt.Sprintf("\tserver %s %s\n", s.Name, s.Addr)
	}
	file := filepath.Join(w.lab.Dir(), "haproxy.cfg")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		return err
	}
	w.drain = func(ctx context.Context, server int) error {
		return tell(ctx, socket, fmt.Sprintf("set server servers/%s state drain\n", w.lab.Servers[server].Name))
	}
	return w.start(w.lab.Director.CommandContext(ctx, path, "-db", "-f", file))
}

// tell gives HAProxy a command, which answers with an empty line if it took it.
func tell(ctx context.Context, socket, command string) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
	if err != nil {
		return fmt.Errorf("tell HAProxy: %w", err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second)) // it is open
	if _, err := conn.Write([]byte(command)); err != nil {
		return fmt.Errorf("tell HAProxy: %w", err)
	}
	answer := make([]byte, 256)
	n, err := conn.Read(answer)
	if text := strings.TrimSpace(string(answer[:n])); err != nil || text != "" {
		return fmt.Errorf("tell HAProxy %q: %w %s", strings.TrimSpace(command), err, text)
	}
	return nil
}
