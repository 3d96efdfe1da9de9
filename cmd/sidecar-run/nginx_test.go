//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestNginx: a real server that nothing but a signal ends is ended by the file that the main container leaves.
func TestNginx(t *testing.T) {
	nginx, err := exec.LookPath("nginx")
	if err != nil {
		missing(t, "nginx")
	}
	dir, address := t.TempDir(), unused(t)
	if err := os.Chmod(dir, 0o755); err != nil { // its workers are another user's
		t.Fatal(err)
	}
	config, ended := filepath.Join(dir, "nginx.conf"), filepath.Join(dir, "ended")
	text := fmt.Sprintf("daemon off; pid %[1]s/pid; error_log stderr; events {}\nhttp { access_log off; "+
		"client_body_temp_path %[1]s/a; proxy_temp_path %[1]s/b; fastcgi_temp_path %[1]s/c; uwsgi_temp_path %[1]s/d; scgi_temp_path %[1]s/e;\n"+
		"server { listen %[2]s; location / { return 204; } } }\n", dir, address)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	main := launch(t, "--wait=http://"+address+"/", "--quit=file:"+ended, "--", "sh", "-c", "echo main; exit 5")
	sidecar := launch(t, "--main-ended=file:"+ended, "--", nginx, "-c", config)
	main.exits(t, 5)
	sidecar.exits(t, 0)
	if _, err := os.Stat(filepath.Join(dir, "pid")); !os.IsNotExist(err) {
		t.Errorf("nginx has not ended in good order: %v; %s", err, &sidecar.stderr)
	}
	if got := main.stdout.String() + main.stderr.String(); got != "main\n" {
		t.Errorf("the main container says %q", got)
	}
}
