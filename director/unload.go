package director

import (
	"errors"
	"log/slog"

	"github.com/ballast-lb/ballast/director/address"
	"github.com/ballast-lb/ballast/director/config"
	"github.com/ballast-lb/ballast/director/dataplane"
)

// Unload removes what directors with this configuration have put into the
// kernel: the datapath with all its connections, and the VIPs' addresses.
func Unload(cfg *config.Config, log *slog.Logger) error {
	if err := dataplane.Unload(cfg.State, log); err != nil {
		return err
	}
	owner, err := address.Open(address.Options{})
	if err != nil {
		return err
	}
	defer owner.Close()
	var errs []error
	for _, v := range cfg.VIPs {
		errs = append(errs, owner.Release(v.Address))
	}
	return errors.Join(errs...)
}
