package cluster

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
)

// AuditEvents reads the audit logs of all API servers, one after the other.
// An event is there before its response is on its way.
func (c *Cluster) AuditEvents() ([]auditv1.Event, error) {
	var all []auditv1.Event
	for _, server := range c.APIServers {
		events, err := server.AuditEvents()
		if err != nil {
			return nil, err
		}
		all = append(all, events...)
	}
	return all, nil
}

// AuditEvents reads the audit log of this API server.
func (a *APIServer) AuditEvents() ([]auditv1.Event, error) {
	if a.audit == "" {
		return nil, errors.New("read the audit log: the cluster has none, set Config.Audit")
	}
	f, err := os.Open(a.audit)
	if err != nil {
		return nil, fmt.Errorf("read the audit log: %w", err)
	}
	defer f.Close()
	var events []auditv1.Event
	reader := bufio.NewReaderSize(f, 1<<20)
	for {
		line, err := reader.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return events, nil // without its newline a line is not complete
		}
		if err != nil {
			return nil, fmt.Errorf("read the audit log: %w", err)
		}
		var event auditv1.Event
		if err := json.Unmarshal(line, &event); err != nil {
			return nil, fmt.Errorf("read the audit log: %w", err)
		}
		events = append(events, event)
	}
}
