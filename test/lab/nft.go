//go:build linux

package lab

import (
	"fmt"
	"net/netip"
	"strings"
)

// Nft gives nft(8) a file of rules in the namespace.
func (n *Node) Nft(rules string) error {
	cmd := n.Command("nft", "-f", "-")
	cmd.Stdin = strings.NewReader(rules)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("nft in %s: %w: %s", n.Name, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// nftTable replaces a table.
func (n *Node) nftTable(table, chains string) error {
	return n.Nft(fmt.Sprintf("table %[1]s\ndelete table %[1]s\ntable %[1]s {%[2]s\n}\n", table, chains))
}

// nftDelete deletes a table, which need not be there.
func (n *Node) nftDelete(table string) error {
	return n.Nft(fmt.Sprintf("table %[1]s\ndelete table %[1]s\n", table))
}

// dnatTables hold the baseline, by family.
var dnatTables = map[bool]string{true: "ip lab_dnat", false: "ip6 lab_dnat"}

// NftDNAT makes the director spread the connections to a VIP over servers with
// nftables alone, in turn and without checks: what Ballast is measured against.
// TCP and UDP go to the same port of the servers. It takes the VIP, and replaces
// what was there for the same family.
func (l *Lab) NftDNAT(vip netip.AddrPort, servers ...netip.Addr) error {
	if len(servers) == 0 {
		return fmt.Errorf("nftables for %s: no servers", vip)
	}
	if err := l.AddVIP(vip.Addr()); err != nil {
		return err
	}
	family := "ip"
	if vip.Addr().Is6() {
		family = "ip6"
	}
	var elements []string
	for i, s := range servers {
		elements = append(elements, fmt.Sprintf("%d : %s", i, s))
	}
	return l.Director.nftTable(dnatTables[vip.Addr().Is4()], fmt.Sprintf(`
	chain pre {
		type nat hook prerouting priority dstnat;
		%s daddr %s meta l4proto { tcp, udp } th dport %d dnat to numgen inc mod %d map { %s }
	}`, family, vip.Addr(), vip.Port(), len(servers), strings.Join(elements, ", ")))
}

// NftFlush takes back what NftDNAT did, but leaves the VIP where it is.
func (l *Lab) NftFlush() error {
	for _, table := range dnatTables {
		if err := l.Director.nftDelete(table); err != nil {
			return err
		}
	}
	return nil
}
