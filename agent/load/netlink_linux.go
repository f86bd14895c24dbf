package load

import (
	"encoding/binary"
	"errors"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// The parts of include/uapi/linux/inet_diag.h that are used here.
const (
	inetDiagReqBytecode = 1 // attribute: a filter
	inetDiagBcSGe       = 2 // source port >= the port in the next operation
	inetDiagBcSLe       = 3 // source port <= the port in the next operation

	sizeofInetDiagReqV2 = 56
	sizeofInetDiagOp    = 4
	inetDiagSourcePort  = 4 // offset of the source port in struct inet_diag_msg
)

// countByNetlink counts the established connections whose local port is port.
// The kernel filters by state and port, so that what crosses to user space
// grows with the service's connections and not with the machine's sockets.
func countByNetlink(port uint16) (int, error) {
	total := 0
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		req := nl.NewNetlinkRequest(nl.SOCK_DIAG_BY_FAMILY, unix.NLM_F_DUMP)
		req.AddRawData(diagRequest(family))
		req.AddData(nl.NewRtAttr(inetDiagReqBytecode, portFilter(port)))
		err := req.ExecuteIter(unix.NETLINK_INET_DIAG, nl.SOCK_DIAG_BY_FAMILY, func(msg []byte) bool {
			if len(msg) >= inetDiagSourcePort+2 && binary.BigEndian.Uint16(msg[inetDiagSourcePort:]) == port {
				total++
			}
			return true
		})
		// A dump interrupted by a changing table is off by a few: good enough.
		if err != nil && !errors.Is(err, nl.ErrDumpInterrupted) {
			return 0, err
		}
	}
	return total, nil
}

// diagRequest is a struct inet_diag_req_v2 for a family's established TCP
// sockets; its socket id is left zero, as dumps do not use it.
func diagRequest(family uint8) []byte {
	b := make([]byte, sizeofInetDiagReqV2)
	b[0] = family
	b[1] = unix.IPPROTO_TCP
	binary.NativeEndian.PutUint32(b[4:], 1<<tcpEstablished)
	return b
}

// portFilter is the program "source port >= port and <= port". Each comparison
// is two operations: itself, with how far to go on if it holds (yes) and if
// not (no), and one whose no is the port. A jump just past the end accepts; one
// four further rejects.
func portFilter(port uint16) []byte {
	const whole = 4 * sizeofInetDiagOp
	var b []byte
	for i, code := range []byte{inetDiagBcSGe, inetDiagBcSLe} {
		left := whole - i*2*sizeofInetDiagOp
		b = append(b, code, 2*sizeofInetDiagOp)
		b = binary.NativeEndian.AppendUint16(b, uint16(left+sizeofInetDiagOp))
		b = append(b, 0, 0)
		b = binary.NativeEndian.AppendUint16(b, port)
	}
	return b
}
