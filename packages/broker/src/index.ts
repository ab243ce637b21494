export { type Access, type AccessAction, accessActions, type Subject } from './access/access.ts'
export type { Policies } from './access/access-control.ts'
export type {
  Accepted,
  Attempt,
  Authentication,
  AuthenticationMethod,
  Authenticator,
  Credentials,
  Exchange,
  ExchangeStep,
  Identity,
  PassedOn,
  PeerCertificate,
  Refused,
} from './access/authenticator.ts'
export type { DenialEntry } from './access/denials.ts'
export { type AccessQuestion, type Explanation, explainAccess } from './access/explain.ts'
export { loadPolicies } from './access/load-policies.ts'
export { importMosquittoAcl } from './access/mosquitto-acl.ts'
export {
  formatEntry,
  makeEntry,
  type PasswordEntry,
  readPasswordFile,
} from './access/password-file.ts'
export {
  editPasswordFile,
  PasswordFileError,
  parseMosquittoPasswords,
} from './access/password-file-edit.ts'
export { type Password, readPassword } from './access/password-verifier.ts'
export {
  type PolicyTestResult,
  type PolicyTests,
  readPolicyTests,
  runPolicyTests,
} from './access/policy-tests.ts'
export { preparedName } from './access/sasl-prep.ts'
export { askBroker, ControlError, type Question } from './admin/control-client.ts'
export type {
  Answer,
  CauseAmounts,
  LossesAnswer,
  RequestName,
  Status,
} from './admin/handlers.ts'
export { type Address, type Broker, type BrokerOptions, startBroker } from './broker.ts'
export {
  CertificateError,
  createAuthority,
  issueCertificate,
  type KeyPair,
  revokeCertificate,
} from './certificates/certificates.ts'
export { type Config, type ConfigInput, type ListenerConfig, parseConfig } from './config.ts'
export { tryConfig } from './config-check.ts'
export { environmentOverrides } from './config-environment.ts'
export { ConfigError, type ConfigProblem, type ConfigSource } from './config-error.ts'
export { type ConfigFile, readConfigFile } from './config-file.ts'
export { type Override, overrideConfig, parseOverride } from './config-override.ts'
export { closest } from './did-you-mean.ts'
export { allowsAnonymous, hasAuthentication, isLocal, passwordFileName } from './exposure.ts'
export type {
  AuthorizeQuestion,
  ConnectChange,
  ConnectRequest,
  Hook,
  HookClient,
  HookPoint,
  Maybe,
  MessageChange,
  Publisher,
  Refusal,
} from './hooks/hook.ts'
export type { HookReport } from './hooks/hook-health.ts'
export {
  type ProgramSubscription,
  PublishError,
  type PublishOptions,
  type SubscribeOptions,
} from './hooks/program.ts'
export type { Consumer, ReceivedMessage } from './hooks/subscriber.ts'
export { ListenError } from './listener/listener.ts'
export type { Reloaded } from './live-config.ts'
export { createLog, type Log, type LogFields, type LogLevel, printable, silentLog } from './log.ts'
export type { Amount, ClientLosses, Loss, LossCause, Losses } from './losses.ts'
export type { Message } from './message.ts'
export type { UncheckedConfig } from './reloader.ts'
export type { Statistics } from './statistics.ts'
export { BackupError, StoreOpenError } from './store/errors.ts'
export { storeFile } from './store/file-names.ts'
export { backupStore, restoreStore } from './store/sqlite-backup.ts'
export { checkStore, type StoreCounts, type StoreReport } from './store/sqlite-check.ts'
export type { DurabilityLevel } from './store/store.ts'
export { version } from './version.ts'
