{{/*
The settings files. Keys stand here as the programs know them, dotted; what the values add under `settings` is nested and
comes after. The schema keeps the two apart: none of the keys written here can be set by a value.
*/}}

{{/* One service's settings from the values: those of every service under its own. (dict "root" $ "key" "verify") */}}
{{- define "hongyan.givenSettings" -}}
{{- $own := get (get .root.Values .key) "settings" }}
{{- mergeOverwrite (deepCopy .root.Values.settings) (deepCopy (default dict $own)) | toYaml }}
{{- end }}

{{/* (dict "root" $ "key" "verify" "component" {…}) */}}
{{- define "hongyan.settings" -}}
{{- $values := .root.Values -}}
# Written by the chart; the values' `settings` stand at the end.
grpc.listen: {{ printf "%s:%s" $values.listenHost (include "hongyan.grpcPort" .root) | quote }}
admin.listen: {{ printf "%s:%s" $values.listenHost (include "hongyan.adminPort" .root) | quote }}
identity.cert_file: {{ printf "/run/hongyan/identity/%s" $values.identity.files.cert | quote }}
identity.key_file: {{ printf "/run/hongyan/identity/%s" $values.identity.files.key | quote }}
identity.roots_file: {{ printf "/run/hongyan/identity/%s" $values.identity.files.roots | quote }}
identity.method_table_file: /etc/hongyan/method-table/method-table.yaml
{{- if $values.redis.passwordSecret.name }}
redis.password_file: /run/hongyan/redis/password
{{- end }}
{{- if .component.catalog }}
catalog.dir: /etc/hongyan/catalog
{{- end }}
{{- if .component.keyring }}
keyring.file: /run/hongyan/keyring/keyring.json
{{- end }}
{{- $fullname := include "hongyan.fullname" .root }}
{{- $domain := include "hongyan.trustDomain" .root }}
{{- if eq .key "verify" }}
audit.address: {{ printf "%s-audit:%s" $fullname (include "hongyan.grpcPort" .root) | quote }}
audit.spiffe_id: {{ printf "spiffe://%s/svc/audit" $domain | quote }}
{{ include "hongyan.upstreams" $values.verify.upstreams }}
{{- else if eq .key "uplinkRouter" }}
dispatch.address: {{ printf "%s-dispatch:%s" $fullname (include "hongyan.grpcPort" .root) | quote }}
dispatch.spiffe_id: {{ printf "spiffe://%s/svc/dispatch" $domain | quote }}
{{- else if eq .key "audit" }}
record.dir: /var/lib/hongyan/record
record.organisation: {{ $values.audit.organisation | default $domain | quote }}
record.signing_key_file: /run/hongyan/record/signing.key
keys.kek_file: /run/hongyan/record-kek/kek.json
{{- if $values.audit.bucket.secretName }}
tiles.access_key_file: /run/hongyan/record-bucket/access-key
tiles.secret_key_file: /run/hongyan/record-bucket/secret-key
{{- end }}
{{- end }}
{{ include "hongyan.givenSettings" . }}
{{- end }}

{{/* What is written under an upstream as it stands, besides the files that the chart mounts. */}}
{{- define "hongyan.upstreams" -}}
{{- $names := list }}
{{- $settings := dict }}
{{- range . }}
{{- $names = append $names .name }}
{{- $one := omit (deepCopy .) "name" "apiKey" "ca" }}
{{- if .apiKey }}
{{- $_ := set $one "api_key_file" (printf "/run/hongyan/upstreams/%s/api-key" .name) }}
{{- end }}
{{- if .ca }}
{{- $_ := set $one "ca_file" (printf "/etc/hongyan/upstreams/%s/ca.crt" .name) }}
{{- end }}
{{- $_ := set $settings .name $one }}
{{- end }}
{{- toYaml (dict "upstreams" $names "upstream" $settings) }}
{{- end }}
