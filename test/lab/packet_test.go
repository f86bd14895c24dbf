//go:build linux

package lab

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// isTCP keeps the TCP frames of both families.
func isTCP(f []byte) bool {
	if len(f) < 14+40 {
		return false
	}
	switch binary.BigEndian.Uint16(f[12:]) {
	case 0x0800:
		return f[14+9] == 6
	case 0x86dd:
		return f[14+6] == 6
	}
	return false
}

// next is the next frame that a sniffer saw.
func next(t *testing.T, s *Sniffer) Frame {
	t.Helper()
	select {
	case f := <-s.Frames:
		return f
	case <-time.After(5 * time.Second):
		t.Fatal("No frame came")
		return Frame{}
	}
}

func TestFloodIsAnsweredAndNotByTheClient(t *testing.T) {
	l := ForTest(t, Options{Servers: 1})
	startEchoes(t, l, 80)
	s := l.Servers[0]
	for name, vip := range map[string]netip.Addr{"IPv4": s.Addr, "IPv6": s.Addr6} {
		t.Run(name, func(t *testing.T) {
			sniffer, err := l.Client.Sniff("c0", isTCP)
			if err != nil {
				t.Fatal(err)
			}
			sent, err := Flood{From: l.Client, VIP: netip.AddrPortFrom(vip, 80), Count: 100, Seed: 1}.Run(t.Context())
			if err != nil || sent != 100 {
				t.Fatalf("Sent %d, %v", sent, err)
			}
			header := map[bool]int{true: 20, false: 40}[vip.Is4()]
			syns, answers := 0, 0
			for answers < 100 {
				f := next(t, sniffer)
				switch flags := f.Data[14+header+13]; {
				case f.Out && flags == 0x02:
					syns++
				case !f.Out && flags == 0x12: // the server found the checksum right
					answers++
				case f.Out:
					t.Fatalf("The client answered with flags %#x", flags)
				}
			}
			if syns != 100 {
				t.Errorf("%d SYNs left", syns)
			}
			sniffer.Close()
		})
	}
}

func TestFloodKeepsItsRate(t *testing.T) {
	l := ForTest(t, Options{Servers: 1})
	begun := time.Now()
	_, err := Flood{From: l.Client, VIP: netip.AddrPortFrom(l.Servers[0].Addr, 9), Count: 1000, Rate: 5000}.Run(t.Context())
	if took := time.Since(begun); err != nil || took < 150*time.Millisecond {
		t.Errorf("1000 SYNs at 5000/s took %v, %v", took, err)
	}
}

func TestChecksumsAreCompleteWithoutOffload(t *testing.T) {
	l := ForTest(t, Options{Servers: 1})
	startEchoes(t, l, 80)
	if err := l.Client.SetOffload("c0", false); err != nil {
		t.Fatal(err)
	}
	sniffer, err := l.Client.Sniff("c0", isTCP)
	if err != nil {
		t.Fatal(err)
	}
	defer sniffer.Close()
	if _, err := dial(t, l.Client, l.Servers[0].HostPort(80), 2*time.Second); err != nil {
		t.Fatal(err)
	}
	ip := next(t, sniffer).Data[14:]
	segment := ip[20:binary.BigEndian.Uint16(ip[2:])]
	if got := fold(sum(sum(uint32(6+len(segment)), ip[12:20]), segment)); got != 0xffff {
		t.Errorf("The SYN's checksum adds up to %#x", got)
	}
}

func TestInjectedFrameArrivesAsItIs(t *testing.T) {
	l := ForTest(t, Options{Servers: 1})
	const local = 0x88b5 // EtherType for experiments, IEEE 802
	sniffer, err := l.Director.Sniff("d0", func(f []byte) bool { return binary.BigEndian.Uint16(f[12:]) == local })
	if err != nil {
		t.Fatal(err)
	}
	defer sniffer.Close()
	to, err := l.Director.HardwareAddr("d0")
	if err != nil {
		t.Fatal(err)
	}
	frame := append(append([]byte(to), 2, 0, 0, 0, 0, 1, local>>8, local&0xff), bytes.Repeat([]byte{7}, 50)...)
	if err := l.Client.Inject("c0", frame); err != nil {
		t.Fatal(err)
	}
	if got := next(t, sniffer); !bytes.Equal(got.Data, frame) || got.Out {
		t.Errorf("Got %x, want %x", got.Data, frame)
	}
}

func TestCaptureIsAPcapFile(t *testing.T) {
	l := ForTest(t, Options{Servers: 1})
	startEchoes(t, l, 80)
	path := filepath.Join(t.TempDir(), "c0.pcap")
	capture, err := l.Client.Capture("c0", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dial(t, l.Client, l.Servers[0].HostPort(80), 2*time.Second); err != nil {
		t.Fatal(err)
	}
	poll(t, "packets in the file", func() bool { info, err := os.Stat(path); return err == nil && info.Size() > 200 })
	if err := capture.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil || binary.LittleEndian.Uint32(data) != 0xa1b23c4d || binary.LittleEndian.Uint32(data[20:]) != 1 {
		t.Fatalf("The header is % x, %v", data[:min(24, len(data))], err)
	}
	frames := 0
	for at := 24; at < len(data); frames++ {
		at += 16 + int(binary.LittleEndian.Uint32(data[at+8:]))
		if at > len(data) {
			t.Fatal("The last frame is cut off")
		}
	}
	if frames < 4 {
		t.Errorf("%d frames", frames)
	}
}

func TestMTUOfALink(t *testing.T) {
	l := ForTest(t, Options{Servers: 1})
	if err := l.Servers[0].SetMTU("eth0", 1280); err != nil {
		t.Fatal(err)
	}
	out, err := l.Servers[0].Command("cat", "/proc/sys/net/ipv6/conf/eth0/mtu").Output()
	if err != nil || string(bytes.TrimSpace(out)) != "1280" {
		t.Errorf("The MTU is %s, %v", out, err)
	}
	if err := l.Client.SetLink("eth7", true); err == nil {
		t.Error("An interface that does not exist was set up")
	}
}
