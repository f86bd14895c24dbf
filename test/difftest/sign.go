package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/ballast-lb/ballast/test/difftest/zonegen"

	"github.com/miekg/dns"
)

// signProgram is what signs zones: that of BIND, which shares no code with any
// of the servers.
const signProgram = "dnssec-signzone"

// signer signs zones, all with the same key.
type signer struct {
	dir string
	key *dns.DNSKEY
	own string // the private key, as BIND writes it
}

func newSigner(dir string) (*signer, error) {
	key := &dns.DNSKEY{
		Hdr:   dns.RR_Header{Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET, Ttl: 3600},
		Flags: dns.ZONE | dns.SEP, Protocol: 3, Algorithm: dns.ED25519,
	}
	private, err := key.Generate(256)
	if err != nil {
		return nil, fmt.Errorf("make a key to sign zones with: %w", err)
	}
	return &signer{dir: dir, key: key, own: key.PrivateKeyString(private)}, nil
}

// sign puts the signed zone into the file of the zone.
func (s *signer) sign(ctx context.Context, z *placed, how zonegen.Signing) error {
	keys, key := z.file+".keys", *s.key
	key.Hdr.Name = z.origin
	base := filepath.Join(keys, fmt.Sprintf("K%s+%03d+%05d", z.origin, key.Algorithm, key.KeyTag()))
	if err := os.Mkdir(keys, 0o700); err != nil {
		return err
	}
	for file, text := range map[string]string{
		base + ".key": key.String() + "\n", base + ".private": s.own, z.file: z.text + key.String() + "\n",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return err
		}
	}
	args := []string{"-z", "-P", "-o", z.origin, "-f", z.file + ".signed"}
	switch how {
	case zonegen.NSEC3:
		args = append(args, "-3", "-", "-H", "0")
	case zonegen.OptOut:
		args = append(args, "-3", "-", "-H", "0", "-A")
	}
	cmd := exec.CommandContext(ctx, signProgram, append(args, z.file, base)...)
	cmd.Dir = keys // it leaves a file where it is
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w\n%s", signProgram, z.origin, err, bytes.TrimSpace(out))
	}
	z.file += ".signed"
	text, err := os.ReadFile(z.file)
	z.text = string(text)
	return err
}
