package dataplane

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// macLen is the length of an Ethernet address; tunnels and loopback have none.
const macLen = 6

// Attachment is an interface whose incoming packets the datapath sees.
type Attachment struct {
	Ifindex int
	Name    string
}

// Attach puts the datapath at the ingress of an interface, after the tcx
// programs that are there already: what one of those takes is not seen, and
// what the datapath does not forward is handed to those after it. An interface
// that has it already is left as it is. The attachment outlives the process; an
// interface that is deleted and made again must be attached again.
func (p *Plane) Attach(ifname string) error {
	ifi, err := net.InterfaceByName(ifname)
	if err != nil {
		return fmt.Errorf("attach to interface %s: %w", ifname, err)
	}
	if len(ifi.HardwareAddr) != macLen {
		return fmt.Errorf("attach to interface %s: it is no Ethernet interface, whose frames are all that the datapath reads", ifname)
	}
	return p.AttachIndex(ifi.Index)
}

// AttachIndex is Attach by interface index.
func (p *Plane) AttachIndex(ifindex int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.reap(); err != nil {
		return err
	}
	if _, ok := p.links[ifindex]; ok {
		return nil
	}
	l, err := link.AttachTCX(link.TCXOptions{Interface: ifindex, Program: p.set.forward, Attach: ebpf.AttachTCXIngress})
	if err != nil {
		return fmt.Errorf("attach to interface %d: %w", ifindex, err)
	}
	if err := l.Pin(p.linkPath(ifindex)); err != nil {
		return errors.Join(fmt.Errorf("attach to interface %d: pin: %w", ifindex, err), l.Close())
	}
	p.links[ifindex] = l
	return nil
}

// Detach takes the datapath off an interface, which it may not be on.
func (p *Plane) Detach(ifname string) error {
	ifi, err := net.InterfaceByName(ifname)
	if err != nil {
		return fmt.Errorf("detach from interface %s: %w", ifname, err)
	}
	return p.DetachIndex(ifi.Index)
}

// DetachIndex is Detach by interface index.
func (p *Plane) DetachIndex(ifindex int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	l, ok := p.links[ifindex]
	if !ok {
		return nil
	}
	delete(p.links, ifindex)
	return dropLink(l)
}

// Attached lists the interfaces that exist and have the datapath, by index.
func (p *Plane) Attached() ([]Attachment, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.reap(); err != nil {
		return nil, err
	}
	var all []Attachment
	for index := range maps.Keys(p.links) {
		a := Attachment{Ifindex: index}
		if ifi, err := net.InterfaceByIndex(index); err == nil {
			a.Name = ifi.Name
		}
		all = append(all, a)
	}
	slices.SortFunc(all, func(a, b Attachment) int { return cmp.Compare(a.Ifindex, b.Ifindex) })
	return all, nil
}

func (p *Plane) linkPath(ifindex int) string {
	return filepath.Join(p.dir, linksDir, strconv.Itoa(ifindex))
}

// openLinks opens the pinned links and drops those without an interface.
func (p *Plane) openLinks() error {
	links, err := loadLinks(filepath.Join(p.dir, linksDir))
	p.links = links
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(p.dir, linksDir), 0o700); err != nil {
		return fmt.Errorf("make directory of links: %w", err)
	}
	return p.reap()
}

// loadLinks opens the links pinned in dir, by the index in their names.
func loadLinks(dir string) (map[int]link.Link, error) {
	links := make(map[int]link.Link)
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return links, fmt.Errorf("read links: %w", err)
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		index, err := strconv.Atoi(e.Name())
		if err != nil {
			return links, fmt.Errorf("link %s: its name is not an interface index; remove it", path)
		}
		if links[index], err = link.LoadPinnedLink(path, nil); err != nil {
			delete(links, index)
			return links, fmt.Errorf("open link %s: %w", path, err)
		}
	}
	return links, nil
}

// reap drops links whose interface has gone; the kernel then tells index 0.
func (p *Plane) reap() error {
	for index, l := range p.links {
		info, err := l.Info()
		if err != nil {
			return fmt.Errorf("interface %d: %w", index, err)
		}
		if tcx := info.TCX(); tcx != nil && tcx.Ifindex == uint32(index) {
			continue
		}
		p.log.Info("interface is gone", "ifindex", index)
		delete(p.links, index)
		if err := dropLink(l); err != nil {
			return fmt.Errorf("interface %d: %w", index, err)
		}
	}
	return nil
}

// dropLink takes a link off its interface and removes its pin. A link whose
// interface is gone is off already.
func dropLink(l link.Link) error {
	err := l.Detach()
	if errors.Is(err, unix.ENOLINK) || errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, l.Unpin(), l.Close())
}
