//go:build linux

package lab

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ethtoolValue is struct ethtool_value of linux/ethtool.h.
type ethtoolValue struct{ command, data uint32 }

// ethtoolRequest is struct ifreq with ifr_data.
type ethtoolRequest struct {
	name [unix.IFNAMSIZ]byte
	data unsafe.Pointer
	_    [16]byte
}

// offloads are what `ethtool -K IF tx on|off tso on|off gso on|off` sets. The
// checksums come first, since segments need them.
var offloads = []struct {
	what    string
	command uint32
}{
	{"tx checksum", unix.ETHTOOL_STXCSUM},
	{"tso", unix.ETHTOOL_STSO},
	{"gso", unix.ETHTOOL_SGSO},
}

// SetOffload says whether checksums and segments are left to the interface. A
// sniffer sees what would be on a wire only without.
func (n *Node) SetOffload(ifname string, on bool) error {
	return n.Do(func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		for _, o := range offloads {
			if err := setOffload(fd, ifname, o.command, on); err != nil && !errors.Is(err, unix.EOPNOTSUPP) {
				return fmt.Errorf("%s: set %s of %s to %t: %w", n.Name, o.what, ifname, on, err)
			}
		}
		return nil
	})
}

func setOffload(fd int, ifname string, command uint32, on bool) error {
	value := ethtoolValue{command: command}
	if on {
		value.data = 1
	}
	request := ethtoolRequest{data: unsafe.Pointer(&value)}
	copy(request.name[:unix.IFNAMSIZ-1], ifname)
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request)))
	if errno != 0 {
		return errno
	}
	return nil
}
