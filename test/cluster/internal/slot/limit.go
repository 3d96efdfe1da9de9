package slot

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Kubelets and containerds watch files, and by default all programs of root
// together may have 128 watchers, which is enough for some 15 nodes: less than
// what two test packages run side by side. The limit is raised while there are
// clusters with nodes; the last cluster that goes puts it back.
const (
	limitFile   = "/proc/sys/fs/inotify/max_user_instances"
	limitNeeded = 1024
)

// RaiseLimit raises the limit if that is necessary and possible.
func (s *Slot) RaiseLimit() error {
	unlock, err := lockBase()
	if err != nil {
		return fmt.Errorf("raise the limit of watchers: %w", err)
	}
	defer unlock()
	now, err := os.ReadFile(limitFile)
	if err != nil {
		return fmt.Errorf("raise the limit of watchers: %w", err)
	}
	if n, err := strconv.Atoi(strings.TrimSpace(string(now))); err != nil || n >= limitNeeded {
		return nil
	}
	// First what to go back to: this process may be killed at any time.
	if _, err := os.Stat(limitBefore()); errors.Is(err, fs.ErrNotExist) {
		if err := os.WriteFile(limitBefore(), now, 0o600); err != nil {
			return fmt.Errorf("raise the limit of watchers: %w", err)
		}
	}
	// In a container this may be forbidden, and may not be needed.
	_ = os.WriteFile(limitFile, []byte(strconv.Itoa(limitNeeded)), 0o644)
	return nil
}

func restoreLimit() {
	before, err := os.ReadFile(limitBefore())
	if err != nil {
		return
	}
	now, _ := os.ReadFile(limitFile)
	if strings.TrimSpace(string(now)) == strconv.Itoa(limitNeeded) { // nobody else has set it since
		_ = os.WriteFile(limitFile, before, 0o644)
	}
	_ = os.Remove(limitBefore())
}

func limitBefore() string { return filepath.Join(base(), "max_user_instances") }
