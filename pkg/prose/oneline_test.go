package prose

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// TestOneLine: what is too long keeps its end, which says why, and its beginning, which says what.
func TestOneLine(t *testing.T) {
	const (
		volume = "/var/lib/kubelet/pods/0b1f7c56-5a2e-4a5e-9d0e-3b1df4c3f7ab/volumes/kubernetes.io~csi/pvc-6a1c5d2e-77aa-4f0c-8b7e-1a2b3c4d5e6f/mount"
		image  = "europe-docker.pkg.dev/some-company-production/backend-services/payments-worker:2026.11.27-4f2c9d1"
	)
	for name, test := range map[string]struct {
		text string
		want []string
		not  string
	}{
		"short": {text: "a\n b", want: []string{"a b"}},
		"mount": {
			text: `MountVolume.SetUp failed for volume "data" : mount failed: exit status 32 Mounting command: systemd-run Mounting arguments: --description=Kubernetes transient mount for ` + volume +
				` --scope -- mount -t nfs -o hard,nfsvers=4.1 nfs-server.storage.svc.cluster.local:/exports/data ` + volume + ` Output: Running scope as unit: run-r1.scope mount.nfs: access denied by server while mounting nfs-server.storage.svc.cluster.local:/exports/data`,
			want: []string{`MountVolume.SetUp failed for volume "data"`, "mount.nfs: access denied by server", ".../mount"},
			not:  "0b1f7c56",
		},
		"image": {
			text: `Failed to pull image "` + image + `": failed to pull and unpack image "` + image + `": failed to resolve reference "` + image + `": failed to authorize: failed to fetch oauth token: unexpected status from GET request to https://europe-docker.pkg.dev/v2/token: 403 Forbidden`,
			want: []string{`image "` + image + `"`, "403 Forbidden", `".../payments-worker:2026.11.27-4f2c9d1": failed to authorize`},
		},
		"neither": {
			text: "begin " + strings.Repeat("word ", 200) + "the cause",
			want: []string{"begin word", " ... ", "the cause"},
		},
		"no spaces": {text: strings.Repeat("ä", 700), want: []string{"..."}},
	} {
		got := OneLine(test.text)
		if len(got) > most || !utf8.ValidString(got) {
			t.Errorf("%s: %d bytes, valid: %t", name, len(got), utf8.ValidString(got))
		}
		for _, want := range test.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: %q is not in\n%s", name, want, got)
			}
		}
		if test.not != "" && strings.Contains(got, test.not) {
			t.Errorf("%s: %q is in\n%s", name, test.not, got)
		}
	}
}
